"""The commands of `dgmvlc`, a module a group: `add_commands` declares the options, `COMMANDS` says
what runs."""
