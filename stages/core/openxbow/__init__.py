"""openXBOW 1.3.1's command line: its options, the tables that it reads and the files that it writes.

What its help states is taken from there. What the help leaves open was found by running openXBOW 1.3.1 on
small tables and comparing every byte that it wrote; ``tests/data/openxbow`` holds some of those tables and
outputs. Its known faults are kept here, and only here: with several codebooks its mean and standard deviation
count each frame once for each of them, a column that several codebooks share is scaled once for each, and
an ARFF file may lack a class when the labels file leaves out clips.
"""
