"""The same work without a browser: `sightline`. What commands take is in `commands`, what they do beside it.

Commands print JSON lines to standard output, for other programs; what is meant for people (progress, warnings, why
something cannot be done) goes to standard error. What takes long stops at Ctrl-C, keeps what is finished, and goes on
when the same command is given again.
"""
