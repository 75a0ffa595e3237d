from governance.findings.report import Kind, Status

D2 = f"sha256:{'2' * 64}"
PRODUCT = "pkg:oci/api@sha256%3A" + "2" * 64 + "?arch=amd64&repository_url=registry.example%2Fshop%2Fapi"


def test_one_statement_for_each_product_and_component(read):
    report = read("openvex/image.json")
    first, second, *_ = report.statements
    assert (report.kind, report.entries, report.issuer, report.images) == (Kind.VEX, 5, "security@vex.example", ())
    assert (first.status, first.products, first.component) == (
        Status.NOT_AFFECTED,
        (PRODUCT, D2),
        "pkg:deb/debian/libssl3@3.0.15-1?arch=amd64",
    )
    assert (second.component, second.aliases) == ("pkg:deb/debian/openssl", ("GHSA-aaaa-bbbb-cccc",))
    assert (first.justification, first.detail) == ("vulnerable_code_not_in_execute_path", "invented example")


def test_what_a_statement_leaves_out_it_takes_from_its_document(read):
    statements = read("openvex/image.json").statements
    assert [one.stated_at[:16] for one in statements] == ["2026-08-20T12:00"] * 2 + ["2026-08-19T13:00"] + [
        "2026-08-20T12:00"
    ] * 2


def test_the_first_version_wrote_names_as_texts(read):
    one, other = read("openvex/old.json").statements
    assert (one.products, other.products) == ((PRODUCT,), ("registry.example/shop/web:1",))
    assert one.component == other.component == "pkg:deb/debian/libssl3@3.0.15-1"


def test_a_statement_without_products_is_one(read):
    last = read("openvex/image.json").statements[-1]
    assert (last.status, last.products, last.detail) == (Status.UNDER_INVESTIGATION, (), "looking into it")


def test_an_unknown_status_is_said_and_not_kept(read, sample):
    document = sample("openvex/image.json")
    document["statements"][2]["status"] = "maybe"
    report = read(document)
    assert (report.entries, len(report.statements)) == (5, 4)
    assert report.notes == ("statements of unknown status were not kept: maybe",)
