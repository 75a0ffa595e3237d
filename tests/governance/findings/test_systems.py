"""What an image's scans come to: its system and since when it is known, whichever came first."""

from itertools import permutations

import pytest

from governance.images.models import Image
from tests.make import deliver, digest_of, make_grype, make_report

pytestmark = pytest.mark.django_db
NAME = "registry.example/shop/api:1.0"
CONFIG = digest_of("config")


def by_trivy(version: str, day: int, config: str = CONFIG) -> None:
    """A scan that names the image by its content, or by its tag alone."""
    system = {"Family": "debian", "Name": version}
    deliver(make_report(NAME, config=config, OS=system, at=f"2026-08-{day}T09:00:00Z"))


def by_grype(version: str) -> None:
    """Vaguer, and later."""
    deliver(make_grype("CVE-2099-0001") | {"distro": {"name": "debian", "version": version}})


ARRIVALS = (
    lambda: by_trivy("12.11", 21),
    lambda: by_trivy("12", 19),
    lambda: by_grype("12"),
    # What only a tag's history led to counts behind what knew the image.
    lambda: by_trivy("13.2.1", 23, config=""),
)


@pytest.mark.parametrize("order", list(permutations(range(4))), ids=str)
def test_the_most_exact_of_those_that_knew_the_image_names_its_system(order: tuple[int, ...]) -> None:
    for number in order:
        ARRIVALS[number]()
    image = Image.objects.present().get()
    assert (image.distro, image.distro_version, image.first_seen.day) == ("debian", "12.11", 19)


def test_an_older_report_that_comes_late_says_since_when_it_is_known() -> None:
    by_trivy("12.11", 21)
    by_trivy("12.11", 17)
    by_trivy("12.11", 25)
    assert Image.objects.get().first_seen.day == 17
