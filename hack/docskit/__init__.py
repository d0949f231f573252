"""The generated parts of the documents, made from the tables of the code."""
