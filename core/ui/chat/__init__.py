"""The Chat page: where the picture comes from, the conversation, and the three ways to look into an answer."""
