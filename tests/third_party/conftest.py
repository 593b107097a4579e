"""The sample plugin's own tests run where it is installed, not here."""

collect_ignore = ["acme-signals"]
