-- The journal of one site: runs, attempts of steps, commands, decisions and facts.
-- Times are seconds since 1970. Intent is written before, outcome after.
-- Never holds passwords or row values.

create table runs (
    id integer primary key,
    application text not null default '',
    old_version text not null default '',
    new_version text,
    mode text not null,
    operator text not null,
    started integer not null,
    ended integer,
    outcome text,
    summary text
);

create table attempts (
    id integer primary key,
    run integer not null references runs (id),
    step text not null,
    number integer not null,
    log text not null,
    started integer not null,
    ended integer,
    seconds real,
    state text,
    findings text not null default '[]',
    unique (run, step, number)
);

create table commands (
    id integer primary key autoincrement,
    attempt integer references attempts (id),
    name text not null,
    line text not null,
    log text not null,
    started integer not null,
    ended integer,
    log_start integer,
    log_end integer,
    how text
);

create table decisions (
    id integer primary key,
    run integer not null references runs (id),
    step text not null,
    question text not null,
    choice text not null,
    decided_by text not null,
    at integer not null
);

create table facts (
    run integer not null references runs (id),
    name text not null,
    value text not null,
    at integer not null,
    primary key (run, name)
);
