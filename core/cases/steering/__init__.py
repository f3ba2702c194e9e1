"""Does what a probe reads turn the answer? A label's direction added where the answer is predicted, and measured."""
