from governance.findings.report import Kind


def test_an_alert_names_its_image_and_states_nothing(read, sample):
    report = read("twistlock_event/alert.json")
    (scan,) = report.images
    assert (report.kind, report.scanner, report.entries) == (Kind.EVENT, "twistlock", 0)
    assert (scan.image.references, report.scanned_at.hour) == (("registry.example.com/shop/api:1.4.2",), 9)
    assert read(sample("twistlock_event/alert.json") | {"image": "#image"}).images == ()
