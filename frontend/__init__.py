"""People's clicks come in through Streamlit; calls to the API go out through the client, and pages come back."""
