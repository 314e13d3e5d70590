with
    food_banks as (select * from {{ ref("dim_food_banks") }} where data_date is not null),

    months as (
        select
            months.food_bank_id,
            months.month,
            food_banks.data_date,
            months.month = {{ first_day_of_month("food_banks.data_date") }} as is_last_month,
            month(months.month) as month_no,
            month(food_banks.data_date) as last_month_no
        from {{ ref("dim_months") }} as months
        inner join food_banks on months.food_bank_id = food_banks.food_bank_id
    ),

    period_months as (
        {% for kind in ["month", "quarter", "year"] %}
            select
                food_bank_id,
                '{{ kind }}' as period_kind,
                cast(date_trunc('{{ kind }}', month) as date) as period_start,
                least(
                    cast(
                        date_trunc('{{ kind }}', month)
                        + interval 1 {{ kind }}
                        - interval 1 day as date
                    ),
                    data_date
                ) as period_end,
                month,
                is_last_month as is_to_same_day
            from months
            union all
        {% endfor %}
        select
            food_bank_id,
            'year_to_date' as period_kind,
            cast(date_trunc('year', month) as date) as period_start,
            {{ same_day_in_year("data_date", "year(month)") }} as period_end,
            month,
            month_no = last_month_no as is_to_same_day
        from months
        where month_no <= last_month_no
    )

select
    food_bank_id,
    period_kind,
    period_start,
    period_end,
    month,
    is_to_same_day,
    month = {{ first_day_of_month("period_end") }} as is_end_month
from period_months
