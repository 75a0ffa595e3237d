"""The demo fleet: an invented company's images and what scanners said of them in the last eight weeks."""
