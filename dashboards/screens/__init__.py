"""One module a page. The folder is not called ``pages``: Streamlit would serve those files as pages by themselves."""
