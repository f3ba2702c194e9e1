"""What a tab is doing, the models of this server, and the link to it: no widget, no page."""
