"""A text that runs a command wherever Jinja, str.format, YAML or a shell reads it, for whole runs that must not."""


def hostile(marker, place):
    """Return a text that creates ``marker/place`` where something evaluates it."""
    path = marker / place
    code = f"cycler.__init__.__globals__.os.system('touch {path}')"
    shell = f"$(touch {path}) `touch {path}`; touch {path} | touch {path} && touch {path}"
    return (
        f"{{% endraw %}}{{{{ {code} }}}}{{% raw %}} {{{{ {code} }}}} '{{{{ {code} }}}}' \"{{{{ {code} }}}}\" "
        f"{{% if {code} %}}{{% endif %}} {{# %}} {{0.__class__}} {{0}} {{}} %s %(name)s !!python/name:os.system "
        f"!!python/object/apply:os.system ['touch {path}'] {shell}"
    )
