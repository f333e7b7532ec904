-- An undo is a run of its own, which names the run that it undoes.

alter table runs add column undoes integer references runs (id);
