select food_bank_id, product_code, label, network_family from {{ ref("dim_products") }}
