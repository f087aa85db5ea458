"""Table schemas, the Delta lake writer and reader, SQL questions, the once-and-inherit rules."""
