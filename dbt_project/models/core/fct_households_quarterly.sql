{{ households_by_place("quarter", "qpv_code") }}
