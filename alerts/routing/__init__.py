"""Which events go to which channels, and the file that says so.

```
routes.py          what a route takes, and what follows it in its incident
entry.py           values of one [[channel]] of the file, checked
route_entries.py   what an entry says of its route
kinds.py           what an entry says of its channel, by kind
file.py            the file, and the channels that the settings name
```
"""
