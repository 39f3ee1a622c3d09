"""Read databases that are paragraphs of ``Key: value``, on the host: the awk that makes one row of each paragraph."""

_AWK = r"""
function NAME(    at, text, got) {
    RS = ""
    for (at = 2; at <= paths; at++) {
        while ((got = (getline text < path[at])) > 0) { text = "\n" text; put(ROW) }
        close(path[at])
        if (got < 0) print "@outcome partial " path[at] " cannot be read"
    }
    RS = "\n"
}
function NAME_field(text, name,    at) {
    at = index(text, name)
    if (!at) return ""
    text = substr(text, at + length(name))
    at = index(text, "\n")
    text = at ? substr(text, 1, at - 1) : text
    gsub(/\t/, " ", text)
    return text
}
"""


def awk_of_paragraphs(collector: str, *names: str) -> str:
    """Return the awk of a collector that puts a row for each paragraph: the first value of each name, tabs between.

    A name is what stands at the start of a line, its separator included. A paragraph is read at once: a line at a time
    would be thirty times as many reads, which is a second of processor time for busybox where files are listed.
    """
    function = collector.replace(".", "_")
    row = ' "\\t" '.join(f'{function}_field(text, "\\n{name}")' for name in names)
    return _AWK.replace("NAME", function).replace("ROW", row)
