import pytest

from governance.findings.report import Severity
from scanning.parsers.aws import Place, System, Told, fix_of, image_of, package_of, rated, status_of, system_of

D2 = f"sha256:{'2' * 64}"


@pytest.mark.parametrize(
    ("platform", "system"),
    [
        ("DEBIAN_12", ("debian", "12")),
        ("ALPINE_LINUX_3_20", ("alpine", "3.20")),
        ("AMAZON_LINUX_2", ("amazon", "2")),
        ("AMAZON_LINUX", ("amazon", "")),
        ("UBUNTU_22_04", ("ubuntu", "22.04")),
        ("RHEL_9", ("rhel", "9")),
        ("SUSE_SERVER_15_3", ("suse", "15.3")),
        ("wolfi", ("wolfi", "")),
        ("UNKNOWN", ("", "")),
        ("SCRATCH", ("", "")),
        ("what is this?", ("", "")),
        ("", ("", "")),
    ],
)
def test_platforms_are_systems(platform, system):
    assert system_of(platform) == system


@pytest.mark.parametrize(
    ("told", "package"),
    [
        (Told("openssl", "3.0", 0, "1", "OS", None, None), ("openssl", "3.0-1", "deb", "debian", "")),
        (Told("openssl", "3.0", "1", None, "OS", None, None), ("openssl", "1:3.0", "deb", "debian", "")),
        (Told("openssl", "1:3.0", 1, None, None, None, None), ("openssl", "1:3.0", "deb", "debian", "")),
        (Told("left", "1", 0, None, "NODEPKG", "a/b", None), ("left", "1", "npm", "", "a/b")),
        (Told("x", "1", "0", None, "PYTHONPKG", None, None), ("x", "1", "pypi", "", "")),
        (Told("x", "1", "0", None, "DOTNET_CORE", None, None), ("x", "1", "nuget", "", "")),
        (Told("g:a", "1", "0", None, "JAR", None, None), ("g:a", "1", "maven", "", "")),
        (Told("x", "1", "0", None, "GOBINARY", None, None), ("x", "1", "golang", "", "")),
        (Told(None, None, None, None, "NEW", None, None), ("", "", "", "", "")),
    ],
)
def test_packages_are_of_the_system_or_of_a_language(told, package):
    found = package_of(told, System("debian", "12"))
    assert (found.name, found.version, found.type, found.namespace, found.path) == package


def test_the_host_follows_from_account_and_region():
    china = image_of(Place(f"arn:aws-cn:ecr:cn-north-1:111122223333:repository/a/b/{D2}", tags=("1",)), System())
    assert china.references == ("111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn/a/b:1",)
    assert china.manifest_digest == D2


@pytest.mark.parametrize("arn", ["", "arn", "arn:aws:ecr", "arn:aws:lambda:eu-west-1:1:function:x", ":::::"])
def test_without_a_resource_name_of_ecr_only_the_digest_is_known(arn):
    facts = image_of(Place(arn, "111122223333", "shop/api", D2, ("1",)), System())
    assert (facts.references, facts.repo_digests, facts.manifest_digest) == ((), (), D2)


def test_words():
    assert rated("INFORMATIONAL") == Severity.NEGLIGIBLE
    assert (fix_of("NotAvailable"), fix_of("0:1.2"), fix_of(None)) == ("", "1.2", "")
    assert (status_of("1", "NO"), status_of("", "NO"), status_of("", "YES")) == ("fixed", "affected", "")
