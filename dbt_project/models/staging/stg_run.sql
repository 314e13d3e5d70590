with run as (select * from {{ source("inputs", "run") }}) select run.as_of from run
