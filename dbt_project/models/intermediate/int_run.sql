with run as (select * from {{ ref("stg_run") }}) select as_of from run
