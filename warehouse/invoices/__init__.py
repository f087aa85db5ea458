"""What providers bill, read from their files and held against the books: ``spanledger reconcile``.

* ``line``: one line of a bill in normal form, and what a row is that cannot be read; ``values``: numbers and times.
* ``openai``, ``anthropic``, ``cur``, ``focus``, ``generic``: one reader a format; ``meters``: names of usage types.
* ``files``: opens a file, finds out its format, and has it read.
* ``imports``: lines into the table ``invoices``, each file once.
* ``gather``: both sides by the same key (``ours.sql``, ``theirs.sql``, ``midnight.sql``); ``told``: how far they tell
  things and accounts apart; ``cells``: what is compared.
* ``causes``, ``moves``, ``discounts``: why the two differ, in amounts that add up to the difference.
* ``answer``: cells as a table.
"""
