"""A cloud on one machine: what the README's first command and the tests run against. Not part of the collection."""
