"""A report, read as a browser reads it: strictly, since nobody repairs what we write."""
import base64
import html.parser
import io

import harness

VOID = {"meta", "link", "br", "img", "input"}
RAW = {"style", "script"}


class Page(html.parser.HTMLParser):
    """Elements of the page in their order, as (tag, attributes, text of all inside)."""

    def __init__(self, path):
        super().__init__(convert_charrefs=True)
        self.bytes = path.read_bytes()
        self.elements, self.open = [], []
        self.feed(self.bytes.decode("utf-8"))
        self.close()
        assert not self.open, f"never closed: {self.open}"
        for element in self.elements:
            element[2] = "".join(element[2])

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> has an attribute twice: {names}"
        element = [tag, dict(attrs), []]
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open and self.open[-1][0] == tag, f"</{tag}> within {self.open[-1:]}"
        self.open.pop()

    def handle_data(self, data):
        assert self.open or not data.strip(), f"outside of all: {data!r}"
        for element in self.open:
            element[2].append(data)

    def all(self, tag, **attrs):
        """The elements of that tag whose attributes have these values."""
        attrs = {name.rstrip("_"): value for name, value in attrs.items()}
        return [e for e in self.elements if e[0] == tag and attrs.items() <= e[1].items()]

    def section(self, name):
        """The text of the section, None without it."""
        found = self.all("section", id=name)
        return found[0][2] if found else None

    def inside_section(self, name):
        """The elements of a section, which has none inside."""
        first = self.elements.index(self.all("section", id=name)[0])
        rest = self.elements[first + 1 :]
        ends = [i for i, e in enumerate(rest) if e[0] in ("section", "footer")]
        return rest[: ends[0]]

    def table(self, caption):
        """The rows of the table whose caption begins so, each a list of texts; the first is its
        head."""
        for i, element in enumerate(self.elements):
            if element[0] == "caption" and element[2].startswith(caption):
                break
        else:
            raise AssertionError(f"no table '{caption}'")
        rows = []
        for tag, _, text in self.elements[i + 1 :]:
            if tag == "table":
                break
            if tag == "tr":
                rows.append([])
            elif tag in ("td", "th"):
                rows[-1].append(text)
        return rows

    def images(self, section):
        """Alternative texts and pixels of a section's images."""
        np = harness.need("numpy")
        pillow = harness.need("PIL.Image")
        found = []
        for tag, attrs, _ in self.inside_section(section):
            if tag != "img":
                continue
            head, data = attrs["src"].split(",", 1)
            assert head == "data:image/png;base64", head
            image = pillow.open(io.BytesIO(base64.b64decode(data, validate=True)))
            found.append((attrs["alt"], np.asarray(image)))
        return found
