"""Work on the model that pages start: one piece at a time, stoppable, waited for without drawing the page again."""
