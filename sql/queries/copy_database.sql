COPY FROM DATABASE "store" TO target;
