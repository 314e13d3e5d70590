{#- Facts whose months are touched by more than their own records: `months` names the model, one
    row per food bank and month, that says which months a build writes anew. -#}
{% macro months_to_build(months) -%}
    select food_bank_id, month from {{ ref(months) }}
{%- endmacro %}

{#- Keeps only the months that the build writes anew; says nothing in a full build. -#}
{% macro where_to_build(months, month="month", food_bank_id="food_bank_id", keyword="where") -%}
    {%- if is_incremental() -%}
        {{ keyword }} ({{ food_bank_id }}, {{ month }}) in ({{ months_to_build(months) }})
    {%- endif -%}
{%- endmacro %}

{#- Incremental strategy: empties the months to build, also where nothing of them is left, and
    writes them anew. -#}
{% macro get_incremental_months_of_facts_sql(arguments) -%}
    {%- set months = config.get("meta")["months"] -%}
    delete from {{ arguments["target_relation"] }}
    where (food_bank_id, month) in ({{ months_to_build(months) }})
    ;
    {{
        get_insert_into_sql(
            arguments["target_relation"],
            arguments["temp_relation"],
            arguments["dest_columns"],
        )
    }}
{%- endmacro %}

{#- The version of a reference record that stands, of all the versions or of those that the last
    finished build knew. -#}
{% macro standing_references(record, key, columns, known_only=false) -%}
    select {{ columns | join(", ") }}
    from {{ ref("stg_" ~ record) }}
    {% if known_only -%} where not is_pending {%- endif %}
    qualify
        row_number() over (
            partition by {{ key | join(", ") }}
            order by
                _sent_at desc nulls last, _arrival_no desc, _source_line desc, _delivery_id desc
        )
        = 1
{%- endmacro %}

{#- The keys of a reference record whose attributes differ from what the last finished build knew:
    new, changed or corrected. -#}
{% macro changed_references(record, key, attributes) -%}
    {%- set keys = ["food_bank_id"] + key -%}
    {%- set columns = keys + attributes -%}
    select distinct {{ keys | join(", ") }}
    from
        (
            select *
            from ({{ standing_references(record, keys, columns) }}) as now_standing
            except
            select *
            from ({{ standing_references(record, keys, columns, known_only=true) }}) as known
        ) as changed
{%- endmacro %}
