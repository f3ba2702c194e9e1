"""The backend: carries the contract of `core.vlm` out with `transformers` networks. Nothing but `core.vlm.loading` and
`core.street` imports from here."""
