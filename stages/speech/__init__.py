"""Edge. Speech: from a corpus as it is published to a manifest of its good utterances and a quarantine of the others.

Three layouts: GigaSpeech 2, Mozilla Common Voice and LibriSpeech. The functions are the stages of the repository's
`speech.yaml`, and `process` does the same without an engine; `docs/speech.md` says what each table holds.

Rules:
- Nothing is dropped: what is listed or lies there as audio is a row of the manifest or, with its reason, of the
  quarantine.
- What is wrong with the data is a value, the same on every run; what is wrong with the machine (a file that may not be
  read, a disk that fails) is an exception.
- A result depends on the corpus alone: no clock, no absolute path, no order of a directory or of a set.
"""
