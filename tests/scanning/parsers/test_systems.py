import pytest

from scanning.parsers.systems import read_system


@pytest.mark.parametrize(
    ("text", "system"),
    [
        ("Debian GNU/Linux 12 (bookworm)", ("debian", "12")),
        ("debian-stretch", ("debian", "9")),
        ("Alpine Linux v3.7", ("alpine", "3.7")),
        ("alpine-3.11.5", ("alpine", "3.11.5")),
        ("Ubuntu 22.04.3 LTS", ("ubuntu", "22.04.3")),
        ("Ubuntu-focal", ("ubuntu", "20.04")),
        ("Red Hat Enterprise Linux 8.4 (Ootpa)", ("redhat", "8.4")),
        ("redhat-RHEL7", ("redhat", "7")),
        ("Amazon Linux 2", ("amazon", "2")),
        ("Rocky Linux 9.5 (Blue Onyx)", ("rocky", "9.5")),
        ("SUSE Linux Enterprise Server 15 SP3", ("suse", "15")),
        ("CBL-Mariner/Linux", ("cbl-mariner", "")),
        ("FancyOS", ("", "")),
        ("", ("", "")),
    ],
)
def test_it_reads_names_as_people_write_them(text, system):
    assert read_system(text) == system
