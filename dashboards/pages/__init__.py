"""The pages, one module each: ``show(source)`` draws."""
