"""True effects: what each thing of a drawn scene gives to an answer, and whether maps say the same."""
