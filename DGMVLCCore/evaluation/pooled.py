"""Scores that need all cases at once."""
REALISM_NOTE = ""
def pooled_scores(records, pipe):
    return {"frd": {}, "kid": {}, "reader": {}, "nodules": {}}
