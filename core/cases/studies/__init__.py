"""Published cases to re-run: each file says what is claimed, looks at many scenes, and judges by a rule told before."""
