"""One HTML page that stands alone: the tree, to be folded and searched; read back from its data."""

from collections.abc import Iterator
from html import escape

from taxonomy.errors import TaxonomyError
from taxonomy.formats import canonical
from taxonomy.formats.protocol import TextFormat
from taxonomy.graph import Node, Taxonomy
from taxonomy.release import canonical_json

_DATA = '<script type="application/json" id="taxonomy">'
_LESS = "\\u003c"  # so that no name ends the element

_HEAD = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Taxonomy</title><style>
body{font:15px/1.5 system-ui,sans-serif;margin:0;color:#1b1f24;background:#fff}
header{position:sticky;top:0;background:#fff;padding:12px 24px;border-bottom:1px solid #d0d7de}
input{font:inherit;width:min(28em,90%);padding:4px 8px;border:1px solid #8c959f;border-radius:6px}
main{padding:8px 24px}ul{list-style:none;margin:0;padding-left:1.3em}main>ul{padding-left:0}
summary{cursor:pointer}summary::marker{color:#57606a}li:not(:has(>details))>span{padding-left:1.1em}
.n{color:#57606a;font-size:85%}.off{color:#6e7781;text-decoration:line-through}.hit{background:#fff1b8}
.assignable{font-weight:600}body.searching li:not(.keep){display:none}
</style></head><body><header>
"""
_TAIL = """</main><script>
const box=document.querySelector("input"),count=document.querySelector("#found");let timer;
const items=[...document.querySelectorAll("li")].map(li=>[li,li.dataset.words.toLowerCase()]);
function search(){const words=box.value.trim().toLowerCase();let found=0;
document.body.classList.toggle("searching",!!words);
for(const[li]of items){li.classList.remove("keep");li.querySelector("span").classList.remove("hit")}
if(words)for(const[li,text]of items)if(text.includes(words)){found++;li.querySelector("span").classList.add("hit");
for(let up=li;up&&up.tagName!=="MAIN";up=up.parentElement){if(up.tagName==="LI")up.classList.add("keep");
if(up.tagName==="DETAILS")up.open=true}}
count.textContent=words?found+" found":""}
box.addEventListener("input",()=>{clearTimeout(timer);timer=setTimeout(search,150)});
</script></body></html>
"""


def write(taxonomy: Taxonomy) -> str:
    """The whole page. A node with several parents is unfolded under the first; the others say where."""
    counts = f"{len(taxonomy)} nodes, {len(taxonomy.roots)} roots, {len(taxonomy.leaves)} leaves"
    head = f'<strong>{escape(counts)}</strong> <input type="search" placeholder="Search names, aliases, ids" autofocus>'
    body = "".join(_items(taxonomy))
    data = f"{_DATA}{canonical_json(taxonomy).replace('<', _LESS)}</script>"
    return f'{_HEAD}{head} <span id="found" class="n"></span></header><main><ul>{body}</ul>{data}{_TAIL}'


def detect(text: str) -> float:
    """Whether it is a page of ours, with its data."""
    return float(_DATA in text)


def parse(text: str, source: str) -> Taxonomy:
    """The taxonomy of a page of ours. Raises TaxonomyError on any other page."""
    _, found, rest = text.partition(_DATA)
    if not found:
        raise TaxonomyError("not a page that Cladist wrote", source=source)
    return canonical.parse(rest.partition("</script>")[0], source)


def _items(taxonomy: Taxonomy) -> Iterator[str]:
    """Yield the nested list, depth first, without recursion."""
    unfolded: set[str] = set()
    roots = sorted(taxonomy.roots, key=lambda node: (node.name, node.id))
    pending: list[Node | str] = list(reversed(roots))
    while pending:
        here = pending.pop()
        if isinstance(here, str):
            yield here
            continue
        children = taxonomy.children(here.id)
        again = here.id in unfolded
        unfolded.add(here.id)
        words = escape(" ".join([here.name, here.id, *here.aliases, *here.names.values()]), quote=True)
        yield f'<li data-words="{words}">'
        if not children or again:
            yield f"{_label(here, '(as above)' if again and children else '')}</li>"
            continue
        yield f"<details{'' if here.parents else ' open'}><summary>{_label(here, str(len(children)))}</summary><ul>"
        pending.append("</ul></details></li>")
        pending.extend(reversed(children))


def _label(node: Node, note: str) -> str:
    marks = " ".join(mark for mark, is_on in (("assignable", node.assignable), ("off", node.deprecated)) if is_on)
    title = escape("; ".join(filter(None, [node.id, ", ".join(node.aliases), node.description])), quote=True)
    return f'<span class="{marks}" title="{title}">{escape(node.name)}</span> <span class="n">{escape(note)}</span>'


FORMAT = TextFormat("html", detect, parse, write)
