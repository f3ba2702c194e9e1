"""What each command takes. The work is imported when a command is begun, so that --help is quick."""
