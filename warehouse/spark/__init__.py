"""Apache Spark as the engine of reports and settlements, where one machine is not enough.

==================  ==============================================================================================
``engine.py``       one piece of work: tables of a snapshot as Spark reads them, statements, answers
``session.py``      the session of this process: Java, jars, options
``dialect.py``      DuckDB's SQL → Spark's, by sqlglot and a table of rewrites
``shadow.py``       an empty DuckDB beside it, which tells names and types of columns
``jars.lock``       the jars of Delta Lake for Spark, each with its sha256
==================  ==============================================================================================

``docs/spark.md`` says how to use it. PySpark and sqlglot are the extra ``spanledger[spark]``: nothing else imports this
package, but for its errors.
"""
