with
    food_banks as (select * from {{ ref("dim_food_banks") }} where data_date is not null),

    followed as (
        select distinct food_bank_id, unnest(string_split(territory_codes, '|')) as territory_code
        from food_banks
        where territory_codes is not null
    ),

    scopes as (
        select
            'food_bank' as scope_kind, food_bank_id as scope_id, food_bank_id, '' as territory_code
        from food_banks
        union all
        select 'territory' as scope_kind, territory_code as scope_id, food_bank_id, territory_code
        from followed
        where territory_code <> ''
        union all
        select 'network' as scope_kind, 'network' as scope_id, food_bank_id, '' as territory_code
        from food_banks
    )

select
    scopes.scope_kind,
    scopes.scope_id,
    scopes.food_bank_id,
    scopes.territory_code,
    max(food_banks.data_date) over (partition by scopes.scope_kind, scopes.scope_id) as data_date
from scopes
inner join food_banks on scopes.food_bank_id = food_banks.food_bank_id
