"""Package lists matched with advisories in the OSV format, as the witness `osv`: no scanner has to look again."""
