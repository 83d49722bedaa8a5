"""Assets whose addresses, answers and sources hold planted secrets, and end in every way in which a job can end."""

from collections.abc import Iterator

from free_port import free_port
from hostile_site import Page, Site, answer, redirect
from planted import Secrets

HARMFUL = (
    "http://user:{odd}@h/x.png",
    "http://user:{odd}@[bad/x.png",
    "http://user:{plain}@[bad/x.png",
    "http://{plain}@h:99999/x.png",
    "http://user:{plain}@h:port/x.png",
    "http://user:{plain}/{plain}@h/x.png",
    "http://user:{plain}#{plain}@h/x.png",
    "http://user:{plain}?{plain}@h/x.png",
    "http://user:{plain}@ho\u2102st/x.png",
    "http://user%3A{plain}%40h/x.png?bad port",
    "user:{plain}@h/x.png\0",
    "ftp://user:{plain}@h/x.png",
    "s3://key:{plain}@bucket/x.png",
    "data:image/png;token={plain}",
    "mailto:user:{plain}@h",
    "https://h:0/x.png?token={plain}",
    "https://h:99999/x.png?X-Amz-Signature={plain}#{plain}",
    "https://[::1/x.png?sig={plain}",
    "https://h /x.png?sig={plain}",
    "file://host/x.png?password={plain}",
    "file:///x.png?password={plain}",
)  # addresses that are refused when they are submitted


def pages(secrets: Secrets, picture: bytes) -> dict[str, Page]:
    """A site that answers in every way in which a job can end, with secrets of its own in each answer."""
    plain = secrets.plant("an answer of a site")
    there = f"http://user:{plain}@127.0.0.1/x?token={plain}"
    return {
        "/ok": answer(picture, Set_Cookie=f"session={plain}"),
        "/text": answer(f"no picture, but password={plain}".encode()),
        "/gone": answer(plain.encode(), 404, X_Secret=plain),
        "/busy": answer(b"", 503, Retry_After=plain),
        "/denied": answer(b"", 401, WWW_Authenticate=f"Bearer realm={plain}"),
        "/away": redirect(there),
        "/ftp": redirect(f"ftp://user:{plain}@h/x"),
        "/port": redirect(f"http://user:{plain}@127.0.0.1:{plain}/"),
        "/packed": answer(plain.encode(), Content_Encoding="gzip"),
    }


def addresses(secrets: Secrets, site: Site, picture: str) -> Iterator[str]:
    """Assets that end in every way; those that `cladist submit` would refuse come from rows of before."""
    here = f"http://127.0.0.1:{site.port}"
    for page in site.pages:
        query = f"token={secrets.plant('?token')}&X-Amz-Signature={secrets.plant('X-Amz-Signature')}"
        yield f"{here}{page}?{query}#{secrets.plant('fragment')}"
        yield f"{here}{page}?{secrets.plant('a query without a name')}"
    yield f"{picture}"
    yield f"file:///none.png?password={secrets.plant('query of a file')}"
    for form in HARMFUL[:-2]:
        yield form.format(odd=secrets.odd("URI", "/@#?%:"), plain=secrets.plant("URI")).replace("\0", "")
    yield f"http://10.0.0.1/x.png?token={secrets.plant('of a private address')}"
    yield f"http://nowhere.invalid/x.png?token={secrets.plant('of no host')}"
    yield f"http://127.0.0.1:{free_port()}/x.png?token={secrets.plant('of a closed port')}"
    yield f"s3://bucket/x.png?versionId={secrets.plant('s3')}&password={secrets.plant('s3 password')}"
    yield f"leaky://host/x.png?token={secrets.plant('of a plug-in')}"


LEAKY = """
import threading
import warnings

class Leaky:
    def chunks(self, uri, allowance):
        password = "local " + uri
        warnings.warn(f"deprecated: {uri}")
        threading.Thread(target=self.fail, args=(uri,), name="leaky").start()
        raise KeyError(f"cannot reach {uri} by {{'password': '{password}'}}")

    def fail(self, uri):
        raise OSError(f"cannot connect to {uri.replace('://', '://user:pw@')}")
"""
