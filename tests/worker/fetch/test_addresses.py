"""Which hosts may be asked: spellings, special networks, names that change their minds."""

from ipaddress import ip_address

import pytest
from hostile_site import answer, fetcher, refusal, serving

from classifier.errors import AssetNotFoundError
from worker.errors import RetryableError
from worker.network.addresses import Gate, is_public, resolve_by_system

PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "2a00:1450:4001:80b::200e", "64:ff9b::8.8.8.8"]
SPECIAL = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.8.9.10", "169.254.169.254",
    "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.0.170", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1",
    "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::7f00:1", "::10.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
    "64:ff9b::10.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b:1::1", "100::1",
    "2001::1", "2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::", "2002:a00:1::1", "2002:808:808::1",
    "3fff::1", "4000::1", "5f00::1", "fc00::1", "fd00:ec2::254",
    "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "ff0e::1",
]  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_asked(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize("address", SPECIAL)
def test_special_addresses_are_not_asked(address: str) -> None:
    """Neither by a name that has such an address nor, where it is spelt as one, as the host itself."""
    assert not Gate().allows(ip_address(address))
    assert refusal(fetcher(lambda _host: [address], asset_networks=""), "http://x.test/a").code == "forbidden_address"
    host = f"[{address}]" if ":" in address else address
    assert refusal(fetcher(asset_networks=""), f"http://{host}/a").code == "forbidden_address"


@pytest.mark.parametrize(
    "host",
    ["2130706433", "0x7f000001", "0x7f.0.0.1", "017700000001", "0177.0.0.1", "127.1", "127.0.1", "0", "0x", "1.2.3.4.5",
     "127.0.0.1.", "①②⑦.⓪.⓪.①", "127。0。0。1", "[::]", "[0:0:0:0:0:ffff:7f00:1]", "[::ffff:7f00:1]", "[fe80::1%25lo]",
     "", "%31%32%37.0.0.1", "a b", "-x.test", "x..test", "[::1", "127.0.0.2\\@good.test", "x.test:0", "x.test:99999",
     "x.test:-1", "x" * 300, "good.test@127.0.0.2", "user:secret@good.test"],
)  # fmt: skip
def test_odd_spellings_are_not_asked(host: str) -> None:
    """One spelling for each address, no credentials, no port that there is not."""

    def resolve(_host: str) -> list[str]:
        raise AssertionError("no name here may be asked for")

    error = refusal(fetcher(resolve, asset_networks=""), f"http://{host}/a")
    assert error.code == "forbidden_address"
    assert "secret" not in str(error)


def test_all_addresses_of_a_name_must_be_allowed() -> None:
    """One special address among public ones, and none is asked."""
    error = refusal(fetcher(lambda _host: ["127.0.0.1", "127.0.0.2"]), "http://x.test/a")
    assert error.code == "forbidden_address"
    assert "127.0.0.2" not in str(error)  # who submits must not learn what is inside


def test_a_name_that_changes_its_mind() -> None:
    """DNS rebinding: one question for each connection, and the connection goes where the answer said."""
    answers = iter([["127.0.0.1"], ["127.0.0.2"]])
    asked = []

    def resolve(host: str) -> list[str]:
        asked.append(host)
        return next(answers)

    with serving({"/a": answer(b"good")}) as good, serving({"/a": answer(b"bad")}, "127.0.0.2", good.port) as bad:
        uri = f"http://rebind.test:{good.port}/a"
        one = fetcher(resolve)
        assert [one.fetch(uri) for _ in range(3)] == [b"good"] * 3  # the connection is kept, its address with it
        assert asked == ["rebind.test"]
        good.pages["/a"] = answer(b"good", Connection="close")
        assert one.fetch(uri) == b"good"
        assert refusal(one, uri).code == "forbidden_address"
    assert asked == ["rebind.test"] * 2
    assert bad.asked == []


def test_the_next_address_where_one_is_dead() -> None:
    """A host of several addresses is asked at the first that answers."""
    with serving({"/a": answer(b"here")}, "127.0.0.3") as site:
        one = fetcher(lambda _host: ["127.0.0.1", "127.0.0.3"], asset_networks="127.0.0.0/8")
        assert one.fetch(f"http://x.test:{site.port}/a") == b"here"


def test_allowed_networks_are_exactly_those() -> None:
    """A network given to be allowed lets in its own addresses, mapped ones too, and no embedded ones."""
    gate = fetcher(asset_networks="10.1.0.0/16, fd00::/8")._settings.asset_networks
    allowed = Gate(networks=gate)
    inside = ["10.1.2.3", "::ffff:10.1.2.3", "fd00::1"]
    outside = ["10.2.0.1", "::ffff:10.2.0.1", "64:ff9b::10.1.2.3", "2002:a01:203::", "fc00::1"]
    assert [allowed.allows(ip_address(a)) for a in inside + outside] == [True] * 3 + [False] * 5


@pytest.mark.parametrize(
    ("host", "allowed"),
    [("images.test", True), ("IMAGES.test.", True), ("a.cdn.test", True), ("cdn.test", False),
     ("images.test.evil.test", False), ("evilimages.test", False), ("127.0.0.1", False)],
)  # fmt: skip
def test_allowed_hosts_are_exactly_those(host: str, allowed: bool) -> None:
    with serving({"/a": answer(b"x")}) as site:
        one = fetcher(lambda _host: ["127.0.0.1"], asset_hosts="images.test, *.cdn.test")
        uri = f"http://{host}:{site.port}/a"
        if allowed:
            assert one.fetch(uri) == b"x"
        else:
            assert refusal(one, uri).code == "forbidden_address"


def test_names_that_nobody_has() -> None:
    assert refusal(fetcher(lambda _host: []), "http://x.test/a").code == "asset_not_found"


def test_the_systems_resolver_gives_addresses() -> None:
    """What it finds are addresses; what it does not find is not there, or not now."""
    assert "127.0.0.1" in resolve_by_system("localhost")
    with pytest.raises((RetryableError, AssetNotFoundError)):
        resolve_by_system("no-such-host.invalid")
