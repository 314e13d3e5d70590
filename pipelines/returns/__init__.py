"""Returns: what the federation, the State and the European observatory ask of a food bank.

`forms` says which returns there are and what fills their lines, `tables` fills them from published
marts, `consistency` shows where each tonne stands in them, `files` writes workbooks and CSV,
`open_data` what the public reads. Nothing here reads the warehouse; pages belong in `dashboards`.
"""
