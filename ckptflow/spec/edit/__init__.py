"""Pure. Edits of a pipeline file's text: what is not meant stays as it is, byte for byte.

Nothing is parsed and written out again. A change is a few splices, spans of the text with what is to stand there
instead, so lines that no splice touches survive by construction. In the order of the data: `typed` reads what a user
asks for; `stages`, `fields` and `references` turn it into `changes` of the document; `splicing` (`inline` inside
brackets) finds where they belong, with the positions of `located` and the `comments` that go with them, and has the new
piece written by `writing` in the `layout` of its surroundings; an `edition` reads the result again, and refuses what is
not exactly the change that was meant, or makes the file worse.
"""
