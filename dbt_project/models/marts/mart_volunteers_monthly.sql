select month, food_bank_id, site_id, task, shifts, volunteer_hours, staff_hours
from {{ ref("fct_volunteers_monthly") }}
