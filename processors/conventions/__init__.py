"""Attribute aliases of span conventions and the rules that make one canonical call of them."""
