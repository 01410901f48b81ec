"""Pure. Edits of a pipeline file's text: what is not meant stays as it is, byte for byte.

Nothing is parsed and written out again. A change is a few splices, places of the text with what is to stand there
instead, so lines that no splice touches survive by construction. In the order of the data: `stages` turns what a user
asks for ("set this field of that stage") into `changes` of the document; `splicing` finds where they belong with the
positions of `located`, in the manner of the surroundings (`layout`), and has the new piece written by `writing`;
`checking` reads the result again and refuses what is not exactly the change that was meant, or makes the file worse.
"""
