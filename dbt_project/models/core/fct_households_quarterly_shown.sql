{{
    households_by_place(
        "quarter", "qpv_code", "case when parcels.qpv_code is not null then 'qpv' end"
    )
}}
