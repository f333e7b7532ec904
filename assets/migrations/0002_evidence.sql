-- Why a verdict was reached: the whole evidence, each time it was gathered or an operator's word changed it.
-- Never holds row values, only files, lines and keys of rows.

create table evidence (
    id integer primary key,
    run integer not null references runs (id),
    at integer not null,
    verdict text not null,
    json text not null
);
