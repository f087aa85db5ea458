"""The Faust app and the pure columnar engine: decode, conventions, pricing, errors, safety, roll-ups."""
