{{ households_by_place("year", "commune_code") }}
