{#- Event records by month: the document that a row belongs to (one column or several), and the
    months that it counts in. Targets and events are few and have no month: they are rebuilt. -#}
{% macro event_records() -%}
    {{
        return(
            [
                {"name": "receipts", "document": "receipt_id", "months": ["month"]},
                {"name": "orders", "document": "order_id", "months": ["month"]},
                {"name": "deliveries", "document": "delivery_id", "months": ["month"]},
                {"name": "parcels", "document": "parcel_id", "months": ["month"]},
                {"name": "removals", "document": "removal_id", "months": ["month"]},
                {
                    "name": "transfers",
                    "document": "transfer_id",
                    "months": ["month", first_day_of_month("received_date")],
                },
                {"name": "stock_counts", "document": "count_id", "months": ["month"]},
                {"name": "rounds", "document": "round_id", "months": ["month"]},
                {"name": "round_stops", "document": "round_id", "months": ["month"]},
                {"name": "platform_sessions", "document": "session_id", "months": ["month"]},
                {"name": "transformations", "document": "batch_id", "months": ["month"]},
                {"name": "sorting_sessions", "document": "session_id", "months": ["month"]},
                {
                    "name": "beneficiary_reports",
                    "document": "partner_id, month",
                    "months": ["month"],
                },
                {"name": "vouchers", "document": "voucher_id", "months": ["month"]},
                {
                    "name": "site_energy",
                    "document": "site_id, meter, period_start",
                    "months": ["month"],
                },
                {"name": "refrigerant_top_ups", "document": "top_up_id", "months": ["month"]},
            ]
        )
    }}
{%- endmacro %}

{#- The records whose lines move food. -#}
{% macro ledger_records() -%}
    {{ return(["receipts", "deliveries", "parcels", "removals", "transfers", "transformations"]) }}
{%- endmacro %}

{% macro touched_months(records) -%}
    select distinct food_bank_id, month
    from {{ ref("int_touched_months") }}
    where record in ('{{ records | join("', '") }}')
{%- endmacro %}

{#- Keeps only the touched months of an incremental model; says nothing in a full build. -#}
{% macro where_touched(records, month="month", food_bank_id="food_bank_id", keyword="where") -%}
    {%- set touched = touched_months(records) -%}
    {%- if is_incremental() -%}
        {{ keyword }} ({{ food_bank_id }}, {{ month }}) in ({{ touched }})
    {%- endif -%}
{%- endmacro %}

{#- The latest version of every key, deleted ones included. In an incremental build only the
    versions of touched months are read: a key whose current version stands in an untouched month
    keeps it. -#}
{% macro current_versions(record, key) -%}
    {%- set columns = ["food_bank_id"] + key -%}
    {%- set keys = columns | join(", ") -%}
    {%- set touched = touched_months([record]) -%}
    with
        versions as (
            select *
            from {{ ref("stg_" ~ record) }}
            {% if is_incremental() %} where (food_bank_id, month) in ({{ touched }}) {% endif %}
        ),

        {% if is_incremental() %}
            kept as (
                select {{ keys }}
                from {{ this }}
                where
                    (food_bank_id, month) not in ({{ touched }})
                    and ({{ keys }}) in (select {{ keys }} from versions)
            ),
        {% endif %}

        ranked as (
            select
                *,
                row_number() over (
                    partition by {{ keys }} order by {{ version_order() }}
                ) as version_rank
            from versions
            {% if is_incremental() %}
                where ({{ keys }}) not in (select {{ keys }} from kept)
            {% endif %}
        )

    select *
    from ranked
    where version_rank = 1
{%- endmacro %}

{#- The latest version of every key of a record that is rebuilt whole. Reference records have no
    `updated_at`; what has one (`has_updates`) is ordered by it first, as event records are. -#}
{% macro current_reference(record, key, has_updates=false) -%}
    select versions.*
    from {{ ref("stg_" ~ record) }} as versions
    qualify
        row_number() over (
            partition by {{ (["food_bank_id"] + key) | join(", ") }}
            order by {{ version_order(has_updates) }}
        )
        = 1
{%- endmacro %}

{#- Incremental strategy: a touched month is emptied and written anew, also where nothing of it is
    left. A build that stops half-way is run again and ends the same. -#}
{% macro get_incremental_touched_months_sql(arguments) -%}
    {%- set records = config.get("meta")["touched_by"] -%}
    delete from {{ arguments["target_relation"] }}
    where (food_bank_id, month) in ({{ touched_months(records) }})
    ;
    {{
        get_insert_into_sql(
            arguments["target_relation"],
            arguments["temp_relation"],
            arguments["dest_columns"],
        )
    }}
{%- endmacro %}
