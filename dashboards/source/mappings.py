"""Value mappings that several dashboards share."""


def texts(**named):
    """Value mappings: `_0="red:down"` shows 0 as the red word down; `minus1` is -1."""
    options = {}
    for index, (key, shown) in enumerate(named.items()):
        color, text = shown.split(":", 1)
        value = key.lstrip("_").replace("minus", "-")
        options[value] = {"color": color, "text": text, "index": index}
    return [{"type": "value", "options": options}]


BACKEND = texts(_0="blue:DOWN", _1="green:UP")
UP = texts(_0="red:down", _1="green:up")
# The words of pgBackRest.
STANZA = texts(_0="green:ok", _1="red:missing stanza path", _2="red:no valid backups", _3="red:missing stanza data", _4="red:different across repos",
               _5="red:database mismatch across repos", _6="red:requested backup not found", _99="red:other")
YES = texts(_0="blue:no", _1="green:yes")
ROLE = texts(_0="green:primary", _1="blue:standby")
ON = texts(_0="red:off", _1="green:on")
